//! The desk (bàn nghiệp vụ): the officers' and partners' pages. Reads; commands go through the rooms.
